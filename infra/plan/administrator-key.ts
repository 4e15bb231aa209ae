/** The public SSH key that Azure demands of a machine without passwords. */

/**
 * An ed25519 key whose private half nobody has. Azure refuses a Linux machine that has neither
 * password nor key, but this one is administered by Run Command and admits no inbound SSH. The
 * point is SHA-256 of `KEYLESS_SENTENCE` and the smallest counter that gives a point of the curve,
 * so nobody can have chosen it for a private key they hold; a test computes it anew.
 *
 * It never changes: Azure replaces a machine whose key changes.
 */
export const KEYLESS_PUBLIC_KEY =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINeXGpuUVgB/qbgzLEXuqmB7Q+uFLM3meL3xuDlsdDIm nobody-holds-the-private-key";

/** What the key is made from; a counter from 0 upwards follows it. */
export const KEYLESS_SENTENCE = "gangway: nobody holds the private half of this key, attempt ";
