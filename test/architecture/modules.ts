/** Reads a source tree as the compiler sees it: modules, and what each imports from where. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative, sep } from "node:path";
import ts from "typescript";

/** One import, export-from or `import()` of a module. */
export interface Import {
  /** Path from the root for our own modules, or else the name of the package. */
  readonly target: string;
  readonly own: boolean;
  /** True when nothing of it is left after types are stripped. */
  readonly typeOnly: boolean;
  /** `import()`: loaded when it is needed, not together with the module. */
  readonly dynamic: boolean;
  /** What is imported by name; `*` for all of it. */
  readonly names: readonly string[];
}

export interface Module {
  /** Path from the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

/** Every TypeScript and JavaScript module of the given folders, except those under `ignored`. */
export function readModules(
  root: string,
  folders: readonly string[],
  ignored: readonly string[] = [],
): readonly Module[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.m?ts$|\.mjs$/.test(entry.name))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"))
      .filter((path) => !ignored.some((prefix) => path.startsWith(prefix)))
      .toSorted()
      .map((path) => readModule(root, path)),
  );
}

function readModule(root: string, path: string): Module {
  const text = readFileSync(join(root, path), "utf8");
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true);
  const imports: Import[] = [];
  const visit = (node: ts.Node): void => {
    const found = readImport(node);
    if (found !== undefined) imports.push({ ...found, ...resolve(path, found.target) });
    ts.forEachChild(node, visit);
  };
  visit(source);
  return { path, text, imports };
}

type Written = Omit<Import, "own">;

function readImport(node: ts.Node): Written | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    return { target: node.moduleSpecifier.text, dynamic: false, ...readClause(node.importClause) };
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
    if (!ts.isStringLiteral(node.moduleSpecifier)) return undefined;
    return {
      target: node.moduleSpecifier.text,
      typeOnly: node.isTypeOnly,
      dynamic: false,
      names: ["*"],
    };
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [argument] = node.arguments;
    if (argument === undefined || !ts.isStringLiteral(argument)) return undefined;
    return { target: argument.text, typeOnly: false, dynamic: true, names: ["*"] };
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    const { literal } = node.argument;
    if (!ts.isStringLiteral(literal)) return undefined;
    return { target: literal.text, typeOnly: true, dynamic: false, names: ["*"] };
  }
  return undefined;
}

function readClause(clause: ts.ImportClause | undefined): Pick<Written, "typeOnly" | "names"> {
  if (clause === undefined) return { typeOnly: false, names: [] };
  const typesOnly = clause.phaseModifier === ts.SyntaxKind.TypeKeyword;
  const bindings = clause.namedBindings;
  if (bindings === undefined) return { typeOnly: typesOnly, names: ["default"] };
  if (ts.isNamespaceImport(bindings)) return { typeOnly: typesOnly, names: ["*"] };
  const elements = bindings.elements;
  return {
    typeOnly:
      typesOnly || (clause.name === undefined && elements.every((element) => element.isTypeOnly)),
    names: elements.map((element) => (element.propertyName ?? element.name).text),
  };
}

function resolve(from: string, target: string): Pick<Import, "target" | "own"> {
  if (target === "#contract") return { target: "server/contract/index.ts", own: true };
  if (target.startsWith(".")) return { target: posix.join(dirname(from), target), own: true };
  const [scope = "", name = ""] = target.split("/");
  return { target: scope.startsWith("@") ? `${scope}/${name}` : scope, own: false };
}

/**
 * Import cycles among modules that are loaded together: each as the list of its paths, the
 * smallest first. Types are no part of it.
 */
export function findCycles(modules: readonly Module[]): readonly (readonly string[])[] {
  const graph = new Map(
    modules.map(({ path, imports }) => [
      path,
      imports
        .filter(({ own, typeOnly, dynamic }) => own && !typeOnly && !dynamic)
        .map(({ target }) => target),
    ]),
  );
  const cycles = new Map<string, readonly string[]>();
  const finished = new Set<string>();
  const walk = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      const cycle = trail.slice(start);
      const first = cycle.indexOf(cycle.toSorted()[0] ?? "");
      const turned = [...cycle.slice(first), ...cycle.slice(0, first)];
      cycles.set(turned.join(), turned);
      return;
    }
    if (finished.has(path)) return;
    for (const next of graph.get(path) ?? []) walk(next, [...trail, path]);
    finished.add(path);
  };
  for (const path of graph.keys()) walk(path, []);
  return [...cycles.values()];
}
