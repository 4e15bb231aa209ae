/** Everything that the server archive carries besides the server: files of the machine, scripts. */
import { renderDeliveryScript } from "./delivery-script.ts";
import { renderHostFiles } from "./host-files.ts";
import { LAYOUT, MACHINE_FILES } from "./layout.ts";
import { renderWatchScript } from "./watch.ts";

/** A text file of the server archive. */
export interface MachineFile {
  /** Path inside the archive. */
  readonly name: string;
  readonly content: string;
}

/** Renders the files that the server archive carries for the machine. */
export function renderUnits(): readonly MachineFile[] {
  return [
    ...Object.entries(renderHostFiles()).map(([path, content]) => ({
      name: `${MACHINE_FILES.hostFolder}${path}`,
      content,
    })),
    { name: MACHINE_FILES.watchScript, content: renderWatchScript() },
    { name: MACHINE_FILES.deliveryScript, content: renderDeliveryScript(LAYOUT) },
  ];
}
