/** The reference page of the logs, from the table of causes and the contract's fields. */
import { LOG_ROLLOVERS, W3C_FIELDS, type W3cField } from "#contract";
import { FAILURE_CAUSES } from "../../server/session/failure-causes.ts";

const FIELDS = {
  date: "Date of the reply, UTC.",
  time: "Time of the reply, UTC.",
  "c-ip": "Address of the client.",
  "c-port": "Port of the client.",
  "cs-username": "User name, also of a refused login.",
  "s-sitename": "Site that the session belongs to, once a user is named.",
  "s-computername": "Name of the machine.",
  "s-ip": "Address that the client connected to.",
  "s-port": "Port that the client connected to.",
  "cs-method":
    "Verb, or `ControlChannelOpened`, `ControlChannelClosed`, `DataChannelOpened`, `DataChannelClosed`; `InvalidLine` for what is no command.",
  "cs-uri-stem": "Argument of the verb; `***` for passwords.",
  "cs-host":
    "Host that the client named: by TLS server name, `HOST`, or in front of the user name.",
  "sc-status": "Code of the last reply to the command.",
  "sc-win32-status": "Windows error with the meaning of the cause below; 0 for none.",
  "sc-substatus": "Cause of a refusal or failure, see below; 0 for none.",
  "sc-bytes": "Bytes sent on the data connection.",
  "cs-bytes": "Bytes received on the data connection.",
  "time-taken": "Milliseconds from the command to its last reply.",
  "x-session": "Number of the session.",
  "x-fullpath": "Path that the command was about, as the client sees it.",
  "x-debug":
    "Reason of a refusal or failure in plain language; names the rule or setting that decided.",
} as const satisfies Record<W3cField, string>;

/** Renders Markdown. */
export function renderLogReference(): string {
  const fields = W3C_FIELDS.map((field) => `| \`${field}\` | ${FIELDS[field]} |`);
  const causes = Object.entries(FAILURE_CAUSES)
    .toSorted(([, a], [, b]) => a.substatus - b.substatus)
    .map(
      ([cause, { substatus, win32, meaning }]) =>
        `| ${String(substatus)} | ${String(win32)} | \`${cause}\` | ${meaning} |`,
    );
  return `# Logs

Generated from \`server/session/failure-causes.ts\` and the contract by \`npm run generate\`.

The server writes one JSON object per line to its standard output. With \`log.enabled\` it also writes a W3C extended log, as IIS does for FTP: one line per command and channel, appended in the same turn of the event loop in which the reply went out, in files that roll over by ${LOG_ROLLOVERS.join(", ")}, for the server or for each site (\`log.perSite\`). Passwords never reach either; spaces become \`+\`, and control characters are percent-encoded.

## Fields of the W3C log

\`log.fields\` chooses; the order is always this one.

| Field | Meaning |
| ----- | ------- |
${fields.join("\n")}

## Causes

Up to 55, \`sc-substatus\` has the meanings that IIS gives it. The JSON log names the cause in its field \`cause\`, next to \`reason\`.

| sc-substatus | sc-win32-status | cause | Meaning |
| ------------ | --------------- | ----- | ------- |
${causes.join("\n")}
`;
}
