// City and district of the caller.

export class PlaceForm {
  constructor(form, onChange) {
    this.form = form;
    this.initial = this.value;
    this.narrow();
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('change', (event) => {
      if (event.target.name === 'city') {
        form.elements.district.value = '';
      }
      this.narrow();
      onChange(this.value);
    });
  }

  get value() {
    const { city, district } = this.form.elements;
    return { city: city.value || null, district: district.value || null };
  }

  set(value) {
    this.form.elements.city.value = value.city || '';
    this.form.elements.district.value = value.district || '';
    this.narrow();
  }

  reset() {
    this.set(this.initial);
  }

  /** Goes on to the next city, as the key does. */
  cycle() {
    const radios = Array.from(this.form.elements.city);
    const next = radios[(radios.findIndex((radio) => radio.checked) + 1) % radios.length];
    next.checked = true;
    next.dispatchEvent(new window.Event('change', { bubbles: true }));
  }

  /** Offers the districts of the chosen city only. */
  narrow() {
    const { city } = this.value;
    Array.from(this.form.querySelectorAll('optgroup')).forEach((group) => {
      group.hidden = Boolean(city) && group.dataset.city !== city;
      group.disabled = group.hidden;
    });
  }
}
