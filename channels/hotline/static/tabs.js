// Tabs: one is in the tab order, arrows move among them.

export class Tabs {
  constructor(node, onShown) {
    this.onShown = onShown;
    this.tabs = Array.from(node.querySelectorAll('[role=tab]'));
    this.tabs.forEach((tab, i) => {
      tab.addEventListener('click', () => this.show(i));
      tab.addEventListener('keydown', (event) => this.pressed(event, i));
    });
  }

  /** Shows one; returns its id. */
  show(at) {
    this.tabs.forEach((tab, i) => {
      tab.setAttribute('aria-selected', String(i === at));
      tab.tabIndex = i === at ? 0 : -1;
      document.getElementById(tab.getAttribute('aria-controls')).hidden = i !== at;
    });
    this.onShown(this.tabs[at].id);
    return this.tabs[at].id;
  }

  pressed(event, at) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) {
      const next = (at + step + this.tabs.length) % this.tabs.length;
      this.show(next);
      this.tabs[next].focus();
      event.preventDefault();
    }
  }
}
