// Times as parents read them, in China's time zone; what is no time is shown as it came.

const DAY = { year: 'numeric', month: 'long', day: 'numeric', timeZone: 'Asia/Shanghai' };
const SHORT_DAY = { month: 'long', day: 'numeric', timeZone: 'Asia/Shanghai' };
const CLOCK = { hour: '2-digit', minute: '2-digit', hour12: false, timeZone: 'Asia/Shanghai' };

function format(text, options) {
  const time = new Date(text);
  return !text || isNaN(time) ? text : new Intl.DateTimeFormat('zh-CN', options).format(time);
}

export function day(text) {
  return format(text, DAY);
}

export function clock(text) {
  return format(text, CLOCK);
}

/** When something was said: today by the clock alone, else with the day. */
export function since(text) {
  const isToday = day(text) === day(new Date().toISOString());
  return isToday ? clock(text) : `${format(text, SHORT_DAY)} ${clock(text)}`;
}

export function moment(text) {
  const hasClock = /T\d/.test(text || '');
  return hasClock ? `${day(text)} ${clock(text)}` : day(text);
}
