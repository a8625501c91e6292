// The line to the page that embeds this frame. Only its own window, from an allowed origin, is listened to.

export class HostLink {
  /** `host`: the origin that the embedding script named; `allowed`: origins that may embed. */
  constructor(host, allowed, onMessage) {
    const isKnown = host === window.location.origin || allowed.includes(host);
    this.origin = window.parent !== window && isKnown ? host : null;
    this.onMessage = onMessage;
    window.addEventListener('message', (event) => this.receive(event));
  }

  get isThere() {
    return this.origin !== null;
  }

  receive(event) {
    const isHost = this.isThere && event.source === window.parent && event.origin === this.origin;
    if (isHost && event.data && event.data.to === 'helpdesk-frame') {
      this.onMessage(event.data);
    }
  }

  tell(type) {
    if (this.isThere) {
      window.parent.postMessage({ to: 'helpdesk-host', type }, this.origin);
    }
  }
}
