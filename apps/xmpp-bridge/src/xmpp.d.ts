/** What is used of @xmpp/client 0.14.0: its XML parser and builder. test/xmpp-contract.test.ts holds it to this. */
declare module '@xmpp/client' {
  export type Attributes = Readonly<Record<string, string | undefined>>;

  export interface Element {
    readonly name: string;
    readonly attrs: Record<string, string | undefined>;
    readonly children: (Element | string)[];
    is(name: string, xmlns?: string): boolean;
    getNS(): string | undefined;
    getName(): string;
    getChild(name: string, xmlns?: string): Element | undefined;
    getChildren(name: string, xmlns?: string): Element[];
    getChildElements(): Element[];
    getChildText(name: string, xmlns?: string): string | null;
    text(): string;
    toString(): string;
  }

  export interface Parser {
    on(event: 'start' | 'element' | 'end', listener: (element: Element) => void): void;
    on(event: 'error', listener: (error: Error) => void): void;
    write(text: string): void;
  }

  export const xml: {
    (name: string, attrs?: Attributes | string | null, ...children: (Element | string | undefined)[]): Element;
    readonly Parser: new () => Parser;
  };
}
