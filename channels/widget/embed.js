// Embeds the help desk: <script src="/widget.js" data-city data-district data-stage data-mode data-target defer></script>
// The host page talks to it through window.Helpdesk. A token goes to the frame by message, never in an address.

(function embedHelpdesk() {
  'use strict';

  const WORDS = __WORDS__;
  const SMALL_SCREEN = '(max-width: 480px), (max-height: 480px)';
  const ABOVE = { position: 'fixed', 'z-index': '2147483001', background: '#fff' };
  const FULL = Object.assign({}, ABOVE, {
    right: '0', bottom: '0', width: '100%', height: '100%', 'max-height': 'none', border: '0', 'border-radius': '0',
    'box-shadow': 'none',
  });
  const PANEL = Object.assign({}, ABOVE, {
    right: '20px', bottom: '20px', width: '440px', height: 'calc(100% - 40px)', 'max-height': '760px',
    border: '1px solid #c4cfdd', 'border-radius': '12px', 'box-shadow': '0 8px 32px rgba(9, 30, 66, .3)',
  });
  const script = document.currentScript;

  function setStyle(node, style) {
    Object.keys(style).forEach((name) => node.style.setProperty(name, style[name]));
  }

  /** The chat in an iframe of the script's own origin. */
  class Frame {
    constructor(options, onMessage) {
      this.origin = new URL(script.src).origin;
      this.queue = [];
      this.isReady = false;
      this.onMessage = onMessage;
      this.node = document.createElement('iframe');
      this.node.title = WORDS.title;
      this.node.src = this.address(options);
      window.addEventListener('message', (event) => this.receive(event));
    }

    address(options) {
      const url = new URL('/widget', script.src);
      url.searchParams.set('host', window.location.origin);
      url.searchParams.set('mode', options.mode);
      Object.keys(options.scope).forEach((name) => url.searchParams.set(name, options.scope[name]));
      return url.href;
    }

    receive(event) {
      const isFrame = event.source === this.node.contentWindow && event.origin === this.origin;
      if (isFrame && event.data && event.data.to === 'helpdesk-host') {
        this.isReady = this.isReady || event.data.type === 'ready';
        this.onMessage(event.data.type);
      }
    }

    tell(type, content) {
      if (this.isReady) {
        const message = Object.assign({ to: 'helpdesk-frame', type }, content);
        this.node.contentWindow.postMessage(message, this.origin);
      }
    }
  }

  /** Where the frame stands within the page. */
  class InlinePlace {
    constructor(frame) {
      this.frame = frame;
      setStyle(frame.node, { display: 'block', width: '100%', height: '100%', 'min-height': '480px', border: '0' });
      const target = script.dataset.target && document.querySelector(script.dataset.target);
      if (target) {
        target.appendChild(frame.node);
      } else {
        script.parentNode.insertBefore(frame.node, script.nextSibling);
      }
    }

    open() {
      this.frame.node.focus();
      this.frame.tell('shown');
    }

    close() {
      // Inline, it stays.
    }
  }

  /** A button in the corner that opens the frame above the page. */
  class FloatingPlace {
    constructor(makeFrame) {
      this.makeFrame = makeFrame;
      this.screen = window.matchMedia(SMALL_SCREEN);
      this.screen.addListener(() => this.fit());
      this.button = this.makeButton();
      document.body.appendChild(this.button);
    }

    makeButton() {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = WORDS.open;
      button.setAttribute('aria-expanded', 'false');
      setStyle(button, {
        position: 'fixed', right: '20px', bottom: '20px', 'z-index': '2147483000', 'min-height': '56px', padding: '0 24px',
        border: '2px solid #fff', 'border-radius': '28px', background: '#0b4fa8', color: '#fff', cursor: 'pointer',
        font: '600 18px/1.2 system-ui, sans-serif', 'box-shadow': '0 4px 16px rgba(9, 30, 66, .35)',
      });
      button.addEventListener('focus', () => setStyle(button, { outline: '3px solid #0b4fa8', 'outline-offset': '3px' }));
      button.addEventListener('blur', () => setStyle(button, { outline: 'none' }));
      button.addEventListener('click', () => this.open());
      return button;
    }

    open() {
      if (!this.frame) {
        this.frame = this.makeFrame();
        document.body.appendChild(this.frame.node);
      }
      this.setOpen(true);
      this.frame.node.focus();
      this.frame.tell('shown');
    }

    close() {
      if (this.frame) {
        this.setOpen(false);
        this.button.focus();
      }
    }

    setOpen(isOpen) {
      this.button.setAttribute('aria-expanded', String(isOpen));
      this.button.style.setProperty('display', isOpen ? 'none' : 'block');
      this.frame.node.style.setProperty('display', isOpen ? 'block' : 'none');
      this.isOpen = isOpen;
      this.fit();
    }

    fit() {
      if (this.isOpen) {
        setStyle(this.frame.node, this.screen.matches ? FULL : PANEL);
      }
    }
  }

  /** What the host page can do. */
  class Helpdesk {
    constructor() {
      const { city, district, stage, mode } = script.dataset;
      this.scope = this.clean({ city, district, stage });
      this.token = null;
      this.isGuest = false;
      this.mode = mode === 'floating' ? 'floating' : 'inline';
      this.place = this.mode === 'floating' ? new FloatingPlace(() => this.makeFrame()) : new InlinePlace(this.makeFrame());
    }

    /** Signs the guardian in, or renews quietly before the last token expires: `token` is signed by the host's server. */
    signIn(token) {
      this.token = token;
      this.isGuest = false;
      this.tell('token', { token });
    }

    /** Nobody is signed in (any more): a family's conversation is put away. */
    signOut() {
      this.token = null;
      this.isGuest = true;
      this.tell('sign-out');
    }

    setScope(scope) {
      this.scope = this.clean(scope);
      this.tell('scope', { scope: this.scope });
    }

    open() {
      this.place.open();
    }

    close() {
      this.place.close();
    }

    makeFrame() {
      this.frame = new Frame({ scope: this.scope, mode: this.mode }, (type) => this.heard(type));
      return this.frame;
    }

    tell(type, content) {
      if (this.frame) {
        this.frame.tell(type, content);
      }
    }

    heard(type) {
      if (type === 'ready') {
        this.tell('start', { scope: this.scope, token: this.token, isGuest: this.isGuest });
        if (this.place && this.place.isOpen) {
          this.tell('shown');
        }
      } else if (type === 'close') {
        this.close();
      } else if (type === 'token-needed') {
        this.token = null;
        window.dispatchEvent(new CustomEvent('helpdesk:token-needed'));
      }
    }

    clean(scope) {
      return ['city', 'district', 'stage'].reduce((kept, name) => (
        scope[name] ? Object.assign(kept, { [name]: scope[name] }) : kept
      ), {});
    }
  }

  if (!window.Helpdesk) {
    window.Helpdesk = new Helpdesk();
  }
}());
