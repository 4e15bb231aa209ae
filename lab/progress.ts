/** Says what is being done while it takes its time. */
const FIRST_SIGN_MILLISECONDS = 2000;
/** A terminal's line is rewritten each second; a log gets a new line less often. */
const TERMINAL_EVERY_MILLISECONDS = 1000;
const LOG_EVERY_MILLISECONDS = 5000;
const CLEAR_LINE = "\r\u001B[2K";

/**
 * Runs `work`. When it takes longer than two seconds, shows the title, the seconds so far and what
 * `detail` says, on stderr, until it has ended.
 */
export async function withProgress<T>(
  title: string,
  work: () => Promise<T>,
  detail: () => string = () => "",
): Promise<T> {
  const started = performance.now();
  const terminal = process.stderr.isTTY;
  let shown = false;
  const show = () => {
    const seconds = Math.round((performance.now() - started) / 1000);
    const more = detail();
    const line = `${title} … ${String(seconds)} s${more === "" ? "" : `, ${more}`}`;
    process.stderr.write(terminal ? `${CLEAR_LINE}${line}` : `${line}\n`);
    shown = true;
  };
  let repeating: NodeJS.Timeout | undefined;
  const first = setTimeout(() => {
    show();
    repeating = setInterval(show, terminal ? TERMINAL_EVERY_MILLISECONDS : LOG_EVERY_MILLISECONDS);
  }, FIRST_SIGN_MILLISECONDS);
  try {
    return await work();
  } finally {
    clearTimeout(first);
    clearInterval(repeating);
    if (shown && terminal) process.stderr.write(CLEAR_LINE);
  }
}
