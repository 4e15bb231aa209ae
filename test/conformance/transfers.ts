/** What every data path promises, whatever the socket and the storage handle. */
import type { DataPath } from "./data-path.ts";
import { describeReceiving } from "./receiving.ts";
import { describeSending } from "./sending.ts";

export function describeTransfers(name: string, path: DataPath): void {
  describeSending(name, path);
  describeReceiving(name, path);
}
