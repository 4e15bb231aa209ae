/** Notices when files change, however they are replaced. */
import { watch, type FSWatcher } from "node:fs";
import { basename, dirname } from "node:path";

/** Editors and delivery scripts write in several steps; wait until they are done. */
const SETTLE_MILLISECONDS = 200;

/**
 * Calls `onChange` once after any of `files` was written, replaced or renamed into place. Watches
 * their folders, because a watch on a file is lost when the file is replaced.
 *
 * @throws the system's error when a folder cannot be watched; nothing is watched then.
 */
export function watchFiles(files: readonly string[], onChange: () => void): Disposable {
  const names = new Map<string, Set<string>>();
  for (const file of files) {
    const folder = dirname(file);
    names.set(folder, (names.get(folder) ?? new Set()).add(basename(file)));
  }
  let timer: NodeJS.Timeout | undefined;
  const watchers: FSWatcher[] = [];
  const close = (): void => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
  try {
    for (const [folder, wanted] of names) {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        if (name !== null && !wanted.has(name)) return;
        clearTimeout(timer);
        timer = setTimeout(onChange, SETTLE_MILLISECONDS);
      });
      watchers.push(watcher.on("error", () => undefined));
    }
  } catch (error) {
    close();
    throw error;
  }
  return { [Symbol.dispose]: close };
}
