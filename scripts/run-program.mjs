// @ts-check
// Runs other programs. Plain JavaScript for Node 20 without any dependency.
import { spawn } from "node:child_process";

/**
 * @typedef {object} Ended
 * @property {number} exitCode 127 when the program could not be started
 * @property {string} output stdout and stderr as they came
 * @property {string} stdout stdout alone
 */

/**
 * Runs a program to its end and keeps what it prints.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{cwd?: string, env?: NodeJS.ProcessEnv, inherit?: boolean, shell?: boolean}} [options]
 *   with `inherit`, the output goes to the terminal instead
 * @returns {Promise<Ended>}
 */
export function runProgram(program, args, { cwd, env, inherit = false, shell = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      ...(cwd === undefined ? {} : { cwd }),
      env: env ?? process.env,
      shell,
      stdio: ["ignore", inherit ? "inherit" : "pipe", inherit ? "inherit" : "pipe"],
    });
    let output = "";
    let stdout = "";
    child.stdout?.setEncoding("utf8").on("data", (text) => {
      output += text;
      stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text) => (output += text));
    child.on("error", (error) => resolve({ exitCode: 127, output: error.message, stdout: "" }));
    child.on("close", (code) => resolve({ exitCode: code ?? 1, output, stdout }));
  });
}
