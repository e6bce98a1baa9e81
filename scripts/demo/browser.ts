// SPDX-License-Identifier: Apache-2.0

const MAX_PAGES = 12;

/**
 * Signs in at the development provider as a person does: opens the page, types name and password,
 * agrees. Resolves when the provider says that the device may go on.
 */
export async function signInWithBrowser(address: string, login: string): Promise<void> {
  const cookies = new Map<string, string>();
  let page = await open(new URL(address), cookies);
  for (let pages = 1; pages < MAX_PAGES; pages += 1) {
    const form = formOf(page);
    if (!form) {
      if (/success/i.test(page.html)) return;
      throw new Error(`the identity provider answered ${page.status} at ${page.url.pathname}`);
    }
    const fields = new URLSearchParams(form.fields);
    if (fields.has('login')) fields.set('login', login);
    if (fields.has('password')) fields.set('password', 'any');
    page = await open(new URL(form.action, page.url), cookies, fields);
  }
  throw new Error('the identity provider asked without end');
}

interface Page {
  readonly url: URL;
  readonly status: number;
  readonly html: string;
}

async function open(start: URL, cookies: Map<string, string>, form?: URLSearchParams) {
  let url = start;
  let body = form;
  for (let redirects = 0; redirects < MAX_PAGES; redirects += 1) {
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(body && { method: 'POST', body }),
    });
    keepCookies(response, cookies);
    const location = response.headers.get('location');
    if (location === null) return { url, status: response.status, html: await response.text() };
    url = new URL(location, url);
    body = undefined;
  }
  throw new Error('the identity provider redirects without end');
}

function keepCookies(response: Response, cookies: Map<string, string>): void {
  for (const line of response.headers.getSetCookie()) {
    const [pair = ''] = line.split(';');
    const at = pair.indexOf('=');
    const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
    if (value === '' || /expires=Thu, 01 Jan 1970/i.test(line)) cookies.delete(name);
    else cookies.set(name, value);
  }
}

/** The first form of the page with every named input; the provider's own pages need no more. */
function formOf(page: Page): { action: string; fields: [string, string][] } | undefined {
  const [, action] = /<form[^>]*\saction="([^"]+)"/.exec(page.html) ?? [];
  if (action === undefined) return undefined;
  const fields = [...page.html.matchAll(/<input[^>]*>/g)].flatMap(([input]): [string, string][] => {
    const name = /\sname="([^"]*)"/.exec(input)?.[1];
    return name === undefined ? [] : [[name, /\svalue="([^"]*)"/.exec(input)?.[1] ?? '']];
  });
  return { action, fields };
}
