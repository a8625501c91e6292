// Builds the page's components and starts the talk: at once, or as soon as the host page has said who is there.

import { Api } from './api.js';
import { Below } from './below.js';
import { Chat } from './chat.js';
import { Composer } from './composer.js';
import { FileShelf } from './file_shelf.js';
import { Files } from './files.js';
import { HostLink } from './host_link.js';
import { MessageLog } from './message_log.js';
import { Notice } from './notice.js';
import { Session } from './session.js';
import { StatusLine } from './status_line.js';
import { Draft, Keeper, Storage } from './storage.js';
import { TextSize } from './text_size.js';
import { Typing } from './typing.js';
import { Visitor } from './visitor.js';

const PREFIX = 'helpdesk:';
const root = document.querySelector('.js-chat');
const part = (name) => root.querySelector(`.js-${name}`);
const given = new URLSearchParams(window.location.search);
const hostOrigin = given.get('host') || window.location.origin;

const api = new Api(root.dataset.api);
const kept = new Storage('localStorage', PREFIX);
const draft = new Draft(new Storage('sessionStorage', PREFIX));
const notice = new Notice(part('notice'));
const session = new Session(api, new Keeper(kept, hostOrigin));
const scroller = part('scroll');
const allowed = root.dataset.embedOrigins.split(' ').filter(Boolean);
const host = new HostLink(given.get('host'), allowed, (message) => visitor.told(message));
const composer = new Composer(part('composer'), draft, notice);
const shelf = new FileShelf(api);
const log = new MessageLog(part('log'), scroller, shelf);
const files = new Files({
  root, api, shelf, list: part('uploads'), picker: part('picker'),
  arrived: () => chat.sync().catch(() => null), // else the stream tells it
  leave: () => scroller.focus({ preventScroll: true }),
});
const chat = new Chat(root, {
  api, session, draft, notice, composer, host, log, files,
  below: new Below(part('below'), log),
  typing: new Typing(part('typing')),
  status: new StatusLine(part('scope'), part('owner')),
});
const visitor = new Visitor(chat, session, host);
new TextSize(part('text-size'), kept);

function closeFrame() {
  host.tell('close');
}

part('restart').addEventListener('click', () => {
  notice.show('restart', {}, 'restart');
  notice.focusAction('restart');
});

if (given.get('mode') === 'floating' && host.isThere) {
  part('close').hidden = false;
  part('close').addEventListener('click', closeFrame);
  root.addEventListener('keydown', (event) => event.key === 'Escape' && !event.isComposing && closeFrame());
}

root.addEventListener('chat:dismiss', () => composer.focus());
visitor.arrive({ city: given.get('city'), district: given.get('district'), stage: given.get('stage') });
