// Starts the page of the school teams.

import { Desk } from './desk.js';

const page = new Desk(document.querySelector('.js-desk'));
page.start();
