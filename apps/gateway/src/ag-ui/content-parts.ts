import { AppError, MAX_IMAGES, MAX_IMAGES_CHARS } from '@switchyard/contracts';

/* The content of a message: a text, or a list of parts. Pure. */

export interface Parts {
  readonly text: string;
  /** https addresses and data URLs. */
  readonly images: readonly string[];
  /** Why each of the other parts cannot be used. */
  readonly others: readonly string[];
}

const NONE: Parts = { text: '', images: [], others: [] };
const IMAGE_TYPES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

export function partsOf(content: unknown): Parts {
  if (typeof content === 'string') return { ...NONE, text: content };
  if (!Array.isArray(content)) return NONE;
  const [texts, images, others]: [string[], string[], string[]] = [[], [], []];
  for (const part of content as unknown[]) {
    const fields = (typeof part === 'object' && part !== null ? part : {}) as Readonly<Record<string, unknown>>;
    if (fields['type'] === 'text' && typeof fields['text'] === 'string') texts.push(fields['text']);
    else {
      const image = imageOf(fields);
      if ('url' in image) images.push(image.url);
      else others.push(image.problem);
    }
  }
  const chars = images.reduce((sum, { length }) => sum + length, 0);
  if (images.length > MAX_IMAGES)
    others.push(`A message may have ${MAX_IMAGES} images; this one has ${images.length}.`);
  if (chars > MAX_IMAGES_CHARS) {
    const limit = `${MAX_IMAGES_CHARS} characters in base64`;
    others.push(
      `The images of a message may have ${limit}; these have ${chars}. Send smaller ones, or https addresses.`,
    );
  }
  return { text: texts.join('\n'), images, others };
}

type Image = { readonly url: string } | { readonly problem: string };

/** An image part of protocol 1.0, or the binary part that came before it. */
function imageOf(part: Readonly<Record<string, unknown>>): Image {
  const { type } = part;
  if (type === 'image') {
    const source = (part['source'] ?? {}) as Readonly<Record<string, unknown>>;
    const { type: kind, value, mimeType } = source;
    if (kind === 'url') return addressed(value);
    if (kind === 'data') return inline(value, mimeType);
    return { problem: 'An image needs a source of the type "url" or "data".' };
  }
  if (type === 'binary' && /^image\//.test(String(part['mimeType'])))
    return part['url'] === undefined ? inline(part['data'], part['mimeType']) : addressed(part['url']);
  const name = typeof type === 'string' ? type.slice(0, 32) : 'none';
  return { problem: `Content parts of the type "${name}" are not supported; "text" and "image" are.` };
}

function addressed(value: unknown): Image {
  const url = typeof value === 'string' ? value : '';
  const data = /^data:([a-z/]+);base64,(.*)$/.exec(url);
  if (data !== null) return inline(data[2], data[1]);
  return /^https:\/\/\S+$/.test(url) && url.length <= 2_048
    ? { url }
    : { problem: 'The address of an image must begin with https:// and have at most 2048 characters.' };
}

function inline(value: unknown, mimeType: unknown): Image {
  if (typeof mimeType !== 'string' || !IMAGE_TYPES.includes(mimeType))
    return { problem: `The MIME type of an image must be one of ${IMAGE_TYPES.join(', ')}.` };
  if (typeof value !== 'string' || !BASE64.test(value)) return { problem: 'The data of an image must be base64.' };
  return { url: `data:${mimeType};base64,${value}` };
}

/** The text of a tool's result. Throws if it holds anything but text. */
export function resultText(content: unknown): string {
  const { text, images, others } = partsOf(content);
  if (images.length + others.length > 0)
    throw new AppError('invalid_input', 'The result of a tool must be text; images and files are not supported there.');
  return text;
}
