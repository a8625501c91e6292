// What a host app does: gets its guardian's token from its own server and signs them in at the help desk.

(function signInDemoFamily() {
  'use strict';

  const { guardian, tokenAddress } = document.currentScript.dataset;

  async function fetchToken() {
    const response = await fetch(tokenAddress, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ guardian }),
    });
    if (!response.ok) {
      throw new Error(`token: ${response.status}`);
    }
    return (await response.json()).token;
  }

  async function signIn() {
    try {
      window.Helpdesk.signIn(await fetchToken());
    } catch (error) {
      document.querySelector('.js-token-error').hidden = false;
      window.Helpdesk.signOut();
    }
  }

  if (guardian) {
    window.addEventListener('helpdesk:token-needed', signIn);
    signIn();
  } else {
    window.Helpdesk.signOut();
  }
}());
