/** Tests by folder. `npm test` runs them all; `npx vitest run test/unit` runs some. */
import { defineConfig } from "vitest/config";

const SECOND_MILLISECONDS = 1000;

/** Quick folders run side by side: their tests touch nothing that another could see. */
const QUICK = [
  "architecture",
  "unit",
  "protocol",
  "conformance",
  "infra",
  "policy",
  "probe",
  "acme",
];

/**
 * Folders whose tests move real packets or start whole labs. Their files run one after another,
 * each folder by itself, so that a busy machine does not decide what times out.
 */
const HEAVY = ["processes", "lab", "interop"];

export default defineConfig({
  test: {
    // A process for each file: programs that are evaluated stay in memory for good.
    pool: "forks",
    // How long `expect.poll` asks: on a busy machine another process takes more than the usual second.
    expect: { poll: { timeout: 15 * SECOND_MILLISECONDS } },
    projects: [
      ...QUICK.map((name) => project(name, 20 * SECOND_MILLISECONDS, {})),
      ...HEAVY.map((name, index) =>
        project(name, 180 * SECOND_MILLISECONDS, {
          fileParallelism: false,
          sequence: { groupOrder: index + 1 },
        }),
      ),
    ],
  },
});

function project(name: string, timeout: number, more: object) {
  return {
    extends: true as const,
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      testTimeout: timeout,
      hookTimeout: timeout,
      ...more,
    },
  };
}
