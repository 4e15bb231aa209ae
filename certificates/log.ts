/** The agent's log: one JSON object per line, with the severity that journald understands. */

export type Level = "info" | "warn" | "error";
export type Fields = Readonly<Record<string, string | number | boolean | undefined>>;
export type Log = (level: Level, event: string, fields?: Fields) => void;

/** Priorities of syslog, which journald takes off the beginning of a line. */
const PRIORITY = { error: "<3>", warn: "<4>", info: "<6>" } as const satisfies Record<
  Level,
  string
>;

/** @param toJournal whether `write` leads to journald. */
export function openLog(write: (line: string) => void, toJournal: boolean): Log {
  return (level, event, fields) => {
    const record = { time: new Date().toISOString(), level, event, ...fields };
    write(`${toJournal ? PRIORITY[level] : ""}${JSON.stringify(record)}\n`);
  };
}
