// SPDX-License-Identifier: Apache-2.0

/**
 * Logins under way: so many in all, and so many from one address once half of them are taken,
 * because an attacker with one machine must not be able to keep everybody else out. Up to then a
 * load balancer, which is one address too, may have what it needs.
 */
export class HandshakeBudget {
  readonly #limits: { readonly handshakes: number; readonly handshakesPerSource: number };
  readonly #bySource = new Map<string, number>();
  #all = 0;

  constructor(limits: { readonly handshakes: number; readonly handshakesPerSource: number }) {
    this.#limits = limits;
  }

  /** Returns what gives the place back (idempotent), or undefined when there is none. */
  take(address: string): (() => void) | undefined {
    const key = sourceKey(address);
    const own = this.#bySource.get(key) ?? 0;
    const { handshakes, handshakesPerSource } = this.#limits;
    const crowded = this.#all >= handshakes / 2;
    if (this.#all >= handshakes || (crowded && own >= handshakesPerSource)) return undefined;
    this.#all += 1;
    this.#bySource.set(key, own + 1);
    let taken = true;
    return () => {
      if (!taken) return;
      taken = false;
      this.#all -= 1;
      const left = (this.#bySource.get(key) ?? 1) - 1;
      if (left > 0) this.#bySource.set(key, left);
      else this.#bySource.delete(key);
    };
  }
}

/** Whoever has an IPv6 address has 2^64 of them: the network is what counts. */
function sourceKey(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.toLowerCase().split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = tail === undefined ? 0 : Math.max(0, 8 - first.length - last.length);
  const groups = [...first, ...Array<string>(gap).fill('0'), ...last];
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':');
}
