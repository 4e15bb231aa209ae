/**
 * Tells `scripts/test.mjs` how many tests passed, and shows on a long run that it goes on: what is
 * running, when nothing has been printed for a while.
 */
import { writeFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

/** What `scripts/test.mjs` reads. */
/**
 * Suites that need what no package registry has, so that CI cannot install it: not counted where it
 * is missing, even where every level is required. The suite says so in its own name.
 */
const NOT_INSTALLABLE = "the real Pulumi CLI";

interface Summary {
  readonly passed: number;
  readonly failed: number;
  /** Full names of tests that did not run. */
  readonly skipped: readonly string[];
}

const SILENCE_MILLISECONDS = 10_000;

export default class SummaryReporter implements Reporter {
  readonly #running = new Map<string, TestModule>();
  #passed = 0;
  #heartbeat: NodeJS.Timeout | undefined;

  onTestRunStart(): void {
    this.#beat();
  }

  onTestModuleStart(module: TestModule): void {
    this.#running.set(module.moduleId, module);
  }

  onTestModuleEnd(module: TestModule): void {
    this.#running.delete(module.moduleId);
    this.#passed += [...module.children.allTests("passed")].length;
    this.#beat();
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    clearInterval(this.#heartbeat);
    const file = process.env["GANGWAY_TEST_SUMMARY"];
    if (file === undefined) return;
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    // A file that cannot be loaded, or a hook that fails, keeps its tests from running.
    const broken = modules.flatMap((module) => [
      ...module.errors(),
      ...[...module.children.allSuites()].flatMap((suite) => suite.errors()),
    ]);
    const summary: Summary = {
      passed: tests.filter((test) => test.result().state === "passed").length,
      failed:
        tests.filter((test) => test.result().state === "failed").length +
        broken.length +
        unhandled.length,
      skipped: tests
        .filter((test) => ["skipped", "pending"].includes(test.result().state))
        .filter((test) => !test.fullName.startsWith(NOT_INSTALLABLE))
        .map((test) => `${test.module.relativeModuleId} > ${test.fullName}`),
    };
    writeFileSync(file, JSON.stringify(summary));
  }

  #beat(): void {
    clearInterval(this.#heartbeat);
    this.#heartbeat = setInterval(() => {
      const running = [...this.#running.values()].map((module) => module.relativeModuleId);
      console.log(`… ${String(this.#passed)} passed so far; running ${running.join(", ")}`);
    }, SILENCE_MILLISECONDS);
    this.#heartbeat.unref();
  }
}
