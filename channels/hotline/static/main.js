// Starts the working page.

import { Console } from './console.js';
import { listenForKeys } from './keys.js';
import { Tabs } from './tabs.js';

const FIRST_FIELDS = { 'tab-asked': '#question', 'tab-case': '#case-number', 'tab-today': '#tab-today' };

const desk = document.querySelector('.js-desk');
const page = new Console(desk);
const tabs = new Tabs(desk.querySelector('.js-tabs'), (shown) => shown === 'tab-today' && page.today.load());

function showTab(at) {
  document.querySelector(FIRST_FIELDS[tabs.show(Number(at))]).focus();
}

listenForKeys(page.box, Object.assign(page.commands(), { tab: showTab }));
page.open();
page.today.load();
page.box.focus();
