/** The tags of a repository, page by page (distribution-spec, "Listing Tags"). */
import type { RepositoryOptions } from '../oci/repository.ts';
import type { RegistryResponse } from './client.ts';
import { invalidAnswer, isTag, tagsUrl, type Endpoint } from './endpoint.ts';

const PAGE_SIZE = 1000;
const MAX_PAGE_BYTES = 8 << 20;

/**
 * All tags, each once, in the registry's order.
 *
 * @throws HyperfileError REGISTRY_NOT_FOUND, REGISTRY_ANSWER_INVALID
 */
export async function* listTags(at: Endpoint, { signal }: RepositoryOptions = {}): AsyncGenerator<string> {
  const asked = new Set<string>();
  const given = new Set<string>();
  let next: string | undefined = tagsUrl(at, PAGE_SIZE);
  while (next !== undefined) {
    asked.add(next);
    const response = await at.client.send({
      method: 'GET',
      url: next,
      scope: { repository: at.path },
      accept: [200],
      ...(signal && { signal }),
    });
    const fresh = new Set(await tagsOf(at, response)).difference(given);
    next = nextPage(at, response);
    // A page that brings nothing and leads on would never end.
    if (next !== undefined && (asked.has(next) || fresh.size === 0))
      throw invalidAnswer(at, 'its list of tags goes round in circles');
    for (const tag of fresh) {
      given.add(tag);
      yield tag;
    }
  }
}

async function tagsOf(at: Endpoint, response: RegistryResponse): Promise<string[]> {
  const text = Buffer.from(await response.bytes(MAX_PAGE_BYTES)).toString();
  let tags: unknown;
  try {
    ({ tags } = JSON.parse(text) as { tags?: unknown });
  } catch (cause) {
    throw invalidAnswer(at, 'its list of tags is not JSON', cause);
  }
  // `null` is how some write an empty list.
  if (tags === null) return [];
  if (!Array.isArray(tags)) throw invalidAnswer(at, 'its list of tags is no list');
  return tags.map((tag) => {
    if (typeof tag === 'string' && isTag(tag)) return tag;
    throw invalidAnswer(at, `its list of tags holds ${JSON.stringify(tag).slice(0, 140)}, which is no tag`);
  });
}

/** The `next` of a Link header (RFC 8288), always at the same registry whatever host it names. */
function nextPage(at: Endpoint, { headers, url }: RegistryResponse): string | undefined {
  const link = /<([^>]*)>\s*;[^,]*\brel="?next"?/i.exec(headers.link ?? '')?.[1];
  if (link === undefined) return undefined;
  const target = URL.canParse(link, url) ? new URL(link, url) : undefined;
  if (!target?.pathname.startsWith('/v2/')) throw invalidAnswer(at, 'the next page of its tags is elsewhere');
  return `${target.pathname}${target.search}`;
}
