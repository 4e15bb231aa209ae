/** What the in-process engine remembers of a stack between runs, as Pulumi's backend does. */
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { writeWhole } from "../cloud/state.ts";
import type { Properties } from "../cloud/values.ts";

/** One resource of the last deployment. */
export interface StackResource {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly parent: string | undefined;
  readonly custom: boolean;
  readonly id: string;
  /** In plain; the file is readable by its owner only. */
  readonly inputs: Properties;
  readonly outputs: Properties;
  /** Paths of secret inputs and outputs. */
  readonly secretInputs: readonly string[];
  readonly secretOutputs: readonly string[];
  /** Resources that each input came from, by input name. */
  readonly dependencies: Readonly<Record<string, readonly string[]>>;
  readonly retainOnDelete: boolean;
  readonly protect: boolean;
  /** The resource exists but not as declared: the next run tries again. */
  readonly failed?: string;
}

interface StackFile {
  readonly version: 1;
  /** Grows with every new resource, so that drawn names differ. */
  readonly serial: number;
  /** In order of registration. */
  readonly resources: readonly StackResource[];
  /** Predecessors of replaced resources that are still to be deleted. */
  readonly replaced: readonly StackResource[];
  readonly outputs: Properties;
  readonly secretOutputs: readonly string[];
}

const EMPTY: StackFile = {
  version: 1,
  serial: 0,
  resources: [],
  replaced: [],
  outputs: {},
  secretOutputs: [],
};

/** A stack's memory with its file; without a folder it lives in memory only. */
export class StackState {
  readonly #file: string | undefined;
  #content: StackFile;

  constructor(labFolder: string | undefined, project: string, stack: string) {
    this.#file =
      labFolder === undefined ? undefined : join(labFolder, "stacks", `${project}-${stack}.json`);
    this.#content = this.#read();
  }

  get resources(): readonly StackResource[] {
    return this.#content.resources;
  }

  get replaced(): readonly StackResource[] {
    return this.#content.replaced;
  }

  find(urn: string): StackResource | undefined {
    return this.#content.resources.find((resource) => resource.urn === urn);
  }

  /** A number that no earlier resource of this stack got. */
  nextSerial(): number {
    const serial = this.#content.serial + 1;
    this.#write({ ...this.#content, serial });
    return serial;
  }

  /** Adds a resource at the end, or replaces the one with the same URN in its place. */
  put(resource: StackResource): void {
    const { resources } = this.#content;
    const known = resources.some(({ urn }) => urn === resource.urn);
    this.#write({
      ...this.#content,
      resources: known
        ? resources.map((other) => (other.urn === resource.urn ? resource : other))
        : [...resources, resource],
    });
  }

  remove(urn: string): void {
    this.#write({
      ...this.#content,
      resources: this.#content.resources.filter((resource) => resource.urn !== urn),
    });
  }

  /** Remembers a predecessor until it is deleted. */
  addReplaced(resource: StackResource): void {
    this.#write({ ...this.#content, replaced: [...this.#content.replaced, resource] });
  }

  removeReplaced(resource: StackResource): void {
    this.#write({
      ...this.#content,
      replaced: this.#content.replaced.filter((other) => other !== resource),
    });
  }

  setOutputs(outputs: Properties, secretOutputs: readonly string[]): void {
    this.#write({ ...this.#content, outputs, secretOutputs });
  }

  /** Brings the resources into the order of a run; what it did not register stays behind them. */
  order(urns: readonly string[]): void {
    const rank = new Map(urns.map((urn, index) => [urn, index]));
    const last = urns.length;
    const resources = this.#content.resources.toSorted(
      (one, other) => (rank.get(one.urn) ?? last) - (rank.get(other.urn) ?? last),
    );
    this.#write({ ...this.#content, resources });
  }

  /** Forgets everything but the serial, once nothing is left. */
  clear(): void {
    this.#write({ ...EMPTY, serial: this.#content.serial });
  }

  #read(): StackFile {
    if (this.#file === undefined) return EMPTY;
    try {
      const file = JSON.parse(readFileSync(this.#file, "utf8")) as StackFile;
      if (file.version === 1) return file;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return EMPTY;
      throw error;
    }
    throw new Error(
      `${this.#file} was written by another version of the lab; delete it and the lab folder.`,
    );
  }

  #write(content: StackFile): void {
    this.#content = content;
    if (this.#file === undefined) return;
    mkdirSync(dirname(this.#file), { recursive: true });
    writeWhole(this.#file, `${JSON.stringify(content, undefined, 2)}\n`);
  }
}
