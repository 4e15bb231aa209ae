// @ts-check
// Says what is being done while it takes its time. Plain JavaScript for Node 20 without any
// dependency: it has to work before anything is installed.

const FIRST_SIGN_MILLISECONDS = 2000;
/** A terminal's line is rewritten each second; a log gets a new line less often. */
const TERMINAL_EVERY_MILLISECONDS = 1000;
const LOG_EVERY_MILLISECONDS = 5000;

/**
 * Runs `work`. When it takes longer than two seconds, shows the title, the seconds so far and,
 * if given, the detail of the moment, until it has ended.
 *
 * @template T
 * @param {string} title what is being done, for example "Installing the locked packages"
 * @param {() => Promise<T>} work
 * @param {() => string} [detail] how far it has come
 * @returns {Promise<T>}
 */
export async function withProgress(title, work, detail = () => "") {
  const started = Date.now();
  const terminal = process.stderr.isTTY === true;
  let shown = false;
  const show = () => {
    const seconds = Math.round((Date.now() - started) / 1000);
    const line = [`${title} … ${seconds} s`, detail()].filter((part) => part !== "").join(", ");
    process.stderr.write(terminal ? `\r\u001b[2K${line}` : `${line}\n`);
    shown = true;
  };
  /** @type {NodeJS.Timeout | undefined} */
  let repeating;
  const first = setTimeout(() => {
    show();
    repeating = setInterval(show, terminal ? TERMINAL_EVERY_MILLISECONDS : LOG_EVERY_MILLISECONDS);
  }, FIRST_SIGN_MILLISECONDS);
  try {
    return await work();
  } finally {
    clearTimeout(first);
    clearInterval(repeating);
    if (shown && terminal) process.stderr.write("\r\u001b[2K");
  }
}
