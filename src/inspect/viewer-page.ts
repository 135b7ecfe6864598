/** The page that hands a process's inspection events to the viewer in its frame. */

/** The frame may move within the viewer's own site, as after a sign-in, and nowhere else. */
export function viewerPolicy(viewer: string, nonce: string): string {
  const { origin, protocol, host } = new URL(viewer);
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "connect-src 'self'",
    `frame-src ${origin} ${protocol}//*.${host}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

const escapeAttribute = (text: string): string => text.replace(/[&"<>]/g, (character) => `&#${character.charCodeAt(0)};`);

/** Events wait until the viewer in the frame says that it is there; after a lost connection the page starts anew. */
export function viewerPage(viewer: string, nonce: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>asimov-agents inspector</title>
<style nonce="${nonce}">html, body, iframe { margin: 0; width: 100%; height: 100%; border: 0; display: block }</style>
<iframe src="${escapeAttribute(viewer)}" title="Inspector"></iframe>
<script nonce="${nonce}">
  const frame = document.querySelector("iframe");
  const waiting = [];
  let origin;
  let opened = false;
  const pass = (event) => frame.contentWindow.postMessage(event, origin);
  addEventListener("message", (message) => {
    if (message.source !== frame.contentWindow || message.data?.type !== "@statelyai.connected") return;
    origin = message.origin;
    waiting.splice(0).forEach(pass);
  });
  const source = new EventSource("/events" + location.search);
  source.onopen = () => {
    if (opened) location.reload();
    opened = true;
  };
  source.onmessage = ({ data }) => {
    const event = JSON.parse(data);
    if (origin === undefined) waiting.push(event);
    else pass(event);
  };
</script>
</html>
`;
}
