/**
 * A tree over the segments of paths, built once, asked often: a question costs as much as the path
 * is deep, however many paths the tree holds.
 */

/** A path that has a value. */
export interface PathEntry<T> {
  readonly path: string;
  readonly value: T;
  /** The nearest entry above, towards the root. */
  readonly above: PathEntry<T> | undefined;
}

export interface PathTree<T> {
  /** The entry of `path` itself or of the nearest folder above; undefined when there is none. */
  nearest(path: string): PathEntry<T> | undefined;
  /** The same for what lies in `folder`, by its name: asked for every line of a listing. */
  nearestIn(folder: string): (name: string) => PathEntry<T> | undefined;
}

interface Node<T> {
  entry: PathEntry<T> | undefined;
  readonly children: Map<string, Node<T>>;
}

/** Shared by all who have no paths: most sessions, at several places each. */
const EMPTY: PathTree<never> = { nearest: () => undefined, nearestIn: () => () => undefined };

/** @param values absolute path (`/` or `/a/b`, as `protocol/paths.ts` makes them) → value. */
export function planPathTree<T>(values: ReadonlyMap<string, T>): PathTree<T> {
  if (values.size === 0) return EMPTY;
  const root: Node<T> = { entry: undefined, children: new Map() };
  // Shorter paths first: whatever lies above an entry is in the tree before it.
  for (const path of [...values.keys()].toSorted((a, b) => a.length - b.length)) {
    const value = values.get(path);
    if (value === undefined) continue;
    let node = root;
    let above = path === "/" ? undefined : root.entry;
    for (const segment of segmentsOf(path)) {
      const child = node.children.get(segment) ?? { entry: undefined, children: new Map() };
      node.children.set(segment, child);
      node = child;
      above = child.entry ?? above;
    }
    node.entry = { path, value, above };
  }
  return {
    nearest: (path) => nearestFrom(root, path),
    nearestIn: (folder) => {
      const nearest = nearestFrom(root, folder);
      const node = nodeAt(root, folder);
      return (name) => node?.children.get(name)?.entry ?? nearest;
    },
  };
}

/** Undefined when neither the path nor anything below it has an entry. */
function nodeAt<T>(root: Node<T>, path: string): Node<T> | undefined {
  let node: Node<T> | undefined = root;
  for (const segment of segmentsOf(path)) node = node?.children.get(segment);
  return node;
}

function nearestFrom<T>(root: Node<T>, path: string): PathEntry<T> | undefined {
  let node = root;
  let found = root.entry;
  // Without split(): this runs for every command.
  for (let start = 1; start < path.length;) {
    const slash = path.indexOf("/", start);
    const end = slash === -1 ? path.length : slash;
    const child = node.children.get(path.slice(start, end));
    if (child === undefined) break;
    node = child;
    found = child.entry ?? found;
    start = end + 1;
  }
  return found;
}

function segmentsOf(path: string): readonly string[] {
  return path.split("/").filter((segment) => segment !== "");
}
