/** Notices when files change, however they are replaced. */
import { watch, type FSWatcher } from "node:fs";
import { basename, dirname } from "node:path";

/** Editors and delivery scripts write in several steps; wait until they are done. */
const SETTLE_MILLISECONDS = 200;

/**
 * Calls `onChange` once after any of `files` was written, replaced or renamed into place. Watches
 * their folders, because a watch on a file is lost when the file is replaced.
 */
export function watchFiles(files: readonly string[], onChange: () => void): Disposable {
  const names = new Map<string, Set<string>>();
  for (const file of files) {
    const folder = dirname(file);
    names.set(folder, (names.get(folder) ?? new Set()).add(basename(file)));
  }
  let timer: NodeJS.Timeout | undefined;
  const watchers: FSWatcher[] = [...names].map(([folder, wanted]) =>
    watch(folder, { persistent: false }, (_event, name) => {
      if (name !== null && !wanted.has(name)) return;
      clearTimeout(timer);
      timer = setTimeout(onChange, SETTLE_MILLISECONDS);
    }).on("error", () => undefined),
  );
  return {
    [Symbol.dispose]() {
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
    },
  };
}
