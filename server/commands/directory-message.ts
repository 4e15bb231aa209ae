/** The message of a folder: a file in it whose text a client sees on entering. */
import { cleanMessageText } from "../protocol/message-text.ts";
import { joinPath } from "../protocol/paths.ts";
import { StorageError, type Storage } from "../storage/storage.ts";

/** More than a screen is no message; the rest of a longer file is left out. */
const LONGEST_MESSAGE_BYTES = 4096;

/**
 * Lines of the message file of `folder`; none when there is no such file, or the account may not
 * read it. No fault of the file keeps anybody out of the folder.
 */
export async function readDirectoryMessage(
  storage: Storage,
  folder: string,
  fileName: string,
): Promise<readonly string[]> {
  try {
    await using file = await storage.openRead(joinPath(folder, fileName));
    const buffer = Buffer.alloc(Math.min(file.sizeBytes, LONGEST_MESSAGE_BYTES));
    let filled = 0;
    while (filled < buffer.length) {
      const count = await file.read(buffer.subarray(filled), filled);
      if (count === 0) break;
      filled += count;
    }
    return cleanMessageText(new TextDecoder().decode(buffer.subarray(0, filled)));
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return [];
  }
}
