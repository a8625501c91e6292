// City and district of the caller.

export class PlaceForm {
  constructor(form, onChange) {
    this.form = form;
    this.school = form.elements.school;
    this.initial = this.value;
    this.narrow();
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('change', (event) => {
      if (event.target === this.school) {
        return; // it matters only once the call is handed over
      }
      if (event.target.name === 'city') {
        form.elements.district.value = '';
        this.school.value = '';
      }
      this.narrow();
      onChange(this.value);
    });
  }

  get value() {
    const { city, district } = this.form.elements;
    return { city: city.value || null, district: district.value || null };
  }

  /** Where the school teams are that a call would be handed to. */
  get whole() {
    return Object.assign(this.value, { school: this.school.value.trim() || null });
  }

  set(value) {
    this.form.elements.city.value = value.city || '';
    this.form.elements.district.value = value.district || '';
    this.school.value = '';
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
