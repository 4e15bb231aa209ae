import { expect, test } from "vitest";
import { outputOfModule } from "../../support/node-module.ts";

/** What V8 says of compiling `add` with Maglev when that has been called so often. */
function saidOfMaglev(prepare: string, calls: number): readonly string[] {
  const module = JSON.stringify(import.meta.resolve("../../../server/startup/warm-up.ts"));
  const program = `
    import { compileEarly } from ${module};
    ${prepare};
    const add = (a, b) => a + b;
    let sum = 0;
    const call = () => { sum = add(sum, 1); };
    Array.from({ length: ${String(calls)} }).forEach(call);`;
  const said = outputOfModule(program, ["--trace-opt"]);
  return said.split("\n").filter((line) => /marking.*<JSFunction add .*MAGLEV/u.test(line));
}

test("what is called often is compiled after fewer calls than V8 waits for by itself", () => {
  expect(saidOfMaglev("", 250)).toEqual([]);
  expect(saidOfMaglev("compileEarly()", 250)).toHaveLength(1);
  expect(saidOfMaglev("compileEarly()", 50)).toEqual([]);
});
