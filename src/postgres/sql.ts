import { quoteIdentifier } from '../core/identifier.ts';

/** Text with `$1`, `$2`, … and what stands for them. */
export interface Rendered {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** How a statement reaches a server. */
export type Run = (rendered: Rendered, options: RunOptions) => Promise<readonly unknown[]>;

export interface RunOptions {
  /** Prepared under a name of its own, so that the server plans it once per connection. */
  readonly prepare: boolean;
  /** Rows as arrays of column values in place of objects. */
  readonly arrays: boolean;
  readonly changes?: ChangedRows | undefined;
}

/** How many rows a statement must change: another number is a failure. Or what is notified of the number. Not set: any. */
export type ChangedRows = number | ((written: number) => void);

/** A name that is written into the text, quoted. */
export class Identifier {
  readonly text: string;
  constructor(names: string | readonly string[]) {
    this.text = (typeof names === 'string' ? [names] : names).map(quoteIdentifier).join(', ');
  }
}

/**
 * One statement, as a promise of its rows. It is sent when it is first awaited (or `execute`d), so one that is put into
 * another one's template is never sent by itself: it becomes a part of that one.
 */
export class Statement<T extends readonly unknown[] = Record<string, unknown>[]> extends Promise<T> {
  /** What `then` makes is an ordinary promise. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  readonly parts: readonly string[];
  readonly holes: readonly unknown[];
  readonly #run: Run;
  readonly #prepare: boolean;
  readonly #arrays: boolean;
  readonly #settle: { readonly resolve: (rows: T) => void; readonly reject: (error: unknown) => void };
  #sent = false;

  constructor(run: Run, parts: readonly string[], holes: readonly unknown[], prepare: boolean, arrays = false) {
    let resolve: (rows: T) => void = () => undefined;
    let reject: (error: unknown) => void = () => undefined;
    super((resolved, rejected) => {
      resolve = resolved;
      reject = rejected;
    });
    this.parts = parts;
    this.holes = holes;
    this.#run = run;
    this.#prepare = prepare;
    this.#arrays = arrays;
    this.#settle = { resolve, reject };
  }

  /** Being awaited is what sends it. */
  override then<A = T, B = never>(
    onResolved?: ((rows: T) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    void this.execute();
    return super.then(onResolved, onRejected);
  }

  /** Sends it now, without waiting for the answer; once. */
  execute(): this {
    if (this.#sent) return this;
    this.#sent = true;
    this.#send().then(
      (rows) => this.#settle.resolve(rows as T),
      (error: unknown) => this.#settle.reject(error),
    );
    // Whoever awaits it hears of a failure; nobody doing so must not end the process.
    super.then(undefined, () => undefined);
    return this;
  }

  /** The rows as arrays of column values. */
  values(): Statement<readonly (readonly unknown[])[]> {
    return new Statement(this.#run, this.parts, this.holes, this.#prepare, true);
  }

  /** What it would send. @throws TypeError for a name that is none */
  rendered(): Rendered {
    return render(this);
  }

  /** Async, so that a template that cannot be rendered rejects like any other failure. */
  async #send(): Promise<readonly unknown[]> {
    return await this.#run(render(this), { prepare: this.#prepare, arrays: this.#arrays });
  }
}

/** Joins the parts of a template: nested statements become text, names are quoted, everything else is a parameter. */
function render({ parts, holes }: Pick<Statement<[]>, 'parts' | 'holes'>): Rendered {
  const values: unknown[] = [];
  return { text: write(parts, holes, values), values };
}

function write(parts: readonly string[], holes: readonly unknown[], values: unknown[]): string {
  let text = parts[0] ?? '';
  for (const [index, hole] of holes.entries()) {
    if (hole instanceof Statement) text += write(hole.parts, hole.holes, values);
    else if (hole instanceof Identifier) text += hole.text;
    else text += `$${values.push(hole)}`;
    text += parts[index + 1] ?? '';
  }
  return text;
}
