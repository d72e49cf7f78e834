import { ENGINE_CHOICES, type EngineChoice } from '../../shared/model/device-profile.ts';
import { readRoomCode } from './room-code.ts';

/** What the address of a page says: `/chat/AB2CD?engine=cpu&lend=500000000&name=Kitchen&donate=off#k=JOINKEY`. */
export interface PageAddress {
  /** Null when the path names no room, or something that cannot be a room. */
  code: string | null;
  /** What stands in the place of a code and is none, so that the page can say so. */
  refusedCode: string | null;
  /** With it nobody is asked; null for whoever typed the code. It stands in the fragment, which no server's log holds. */
  joinKey: string | null;
  engine: EngineChoice;
  /** Bytes; null takes the default of this device class. */
  lendBytes: number | null;
  /** Null takes a name made from the browser and its system. */
  name: string | null;
  /** Whether a chat's own device takes part; a donor always does. */
  donates: boolean;
}

/** As long as a name may be on the wire. */
export const MAX_NAME_LENGTH = 80;

/** Reads a page's address. A parameter that makes no sense counts as absent: a link must never break the page. */
export function readPageAddress(address: URL): PageAddress {
  const [, , lastSegment = ''] = address.pathname.split('/');
  const query = address.searchParams;
  const code = readRoomCode(lastSegment);
  return {
    code,
    refusedCode: code === null && lastSegment !== '' ? lastSegment : null,
    joinKey: readKey(address.hash),
    engine: ENGINE_CHOICES.find((choice) => choice === query.get('engine')) ?? 'auto',
    lendBytes: readBytes(query.get('lend')),
    name: query.get('name')?.trim().slice(0, MAX_NAME_LENGTH) || null,
    donates: query.get('donate') !== 'off',
  };
}

function readBytes(text: string | null): number | null {
  if (text === null || !/^\d+$/.test(text)) return null;
  const bytes = Number(text);
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : null;
}

/** 96 random bits as base64url. */
const JOIN_KEY = /^#k=([A-Za-z0-9_-]{16})$/;

function readKey(fragment: string): string | null {
  return JOIN_KEY.exec(fragment)?.[1] ?? null;
}

export interface RoomPathOptions {
  /** Null for a room whose key is not known: whoever goes there has to ask. */
  joinKey?: string | null;
  /** It travels along, so that `?engine=cpu` survives creating a room. */
  query?: string;
}

/** The path of a room's page. */
export function roomPath(page: 'chat' | 'donate', code: string, { joinKey = null, query = '' }: RoomPathOptions = {}): string {
  return `/${page}/${code}${query}${joinKey === null ? '' : `#k=${joinKey}`}`;
}
