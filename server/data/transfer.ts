/**
 * Transfers over a data connection. One module per direction; each takes the fast path that its
 * socket and storage handle offer, and a plain one otherwise, with the same bytes and outcomes.
 */
export { compress, InflatingHandle, readFileChunks } from "./compression.ts";
export { TransferError } from "./data-flow.ts";
export { RecordStream } from "./record-stream.ts";
export { receiveFile } from "./receive.ts";
export { sendChunks, sendFile } from "./send.ts";
