/** Return the address of a WebSocket below the page's own address, which may have a path. */
export const socketAddress = (name: string): string => {
  const address = new URL(name, location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  address.search = address.hash = "";
  return address.href;
};
