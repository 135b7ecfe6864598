/** The id of a tool call that its provider gave none, in the form that all providers take. */
export const newCallId = (ids: () => string): string => `call_${ids().replaceAll("-", "").slice(0, 24)}`;
