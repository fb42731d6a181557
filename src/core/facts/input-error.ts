/** An error the caller can fix: one sentence on what is wrong, one on what to send instead. Shown to the caller as it is. */
export class InputError extends Error {
  override readonly name = "InputError";
}
