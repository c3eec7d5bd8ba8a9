/** The network of a client's address, as the application's limits count it: of IPv6 its first 64 bits. */
export function networkOf(address) {
  if (!address.includes(":")) return address;
  const [before, after = []] = address.split("::").map((groups) => (groups === "" ? [] : groups.split(":")));
  const zeros = Math.max(0, 8 - before.length - after.length);
  return [...before, ...Array(zeros).fill("0"), ...after].slice(0, 4).join(":");
}
