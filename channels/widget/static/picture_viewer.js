// A picture as large as the window, or larger to read small print; closing leads back to where one was.

let viewer = null;

export class PictureViewer {
  static ofPage() {
    viewer = viewer || new PictureViewer(document.querySelector('.js-viewer'));
    return viewer;
  }

  constructor(node) {
    this.node = node;
    this.image = node.querySelector('img');
    this.zoom = node.querySelector('.js-zoom');
    this.link = node.querySelector('.js-save');
    this.zoom.addEventListener('click', () => this.enlarge(this.zoom.getAttribute('aria-pressed') !== 'true'));
    node.querySelector('.js-close-picture').addEventListener('click', () => node.close());
    node.addEventListener('close', () => this.image.removeAttribute('src'));
  }

  show(address, name) {
    if (!this.node.showModal) {
      window.open(address); // an older browser
      return;
    }
    this.image.src = address;
    this.image.alt = this.image.dataset.alt.replace('{name}', name);
    Object.assign(this.link, { href: address, download: name });
    this.enlarge(false);
    this.node.showModal();
  }

  enlarge(isLarge) {
    this.zoom.setAttribute('aria-pressed', String(isLarge));
    this.node.classList.toggle('viewer--large', isLarge);
  }
}
