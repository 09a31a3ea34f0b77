import { quoteIdentifier } from '../core/identifier.ts';

/** Text with placeholders `$1`, `$2`, … and their values. */
export interface Rendered {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** Sends a statement to the server. @returns its rows */
export type Run = (rendered: Rendered, options: RunOptions) => Promise<readonly unknown[]>;

export interface RunOptions {
  /** Whether to prepare it under a name of its own, so that the server plans it once per connection. */
  readonly prepare: boolean;
  /** Whether rows are arrays of column values in place of objects. */
  readonly arrays: boolean;
  readonly changes?: ChangedRows | undefined;
}

/** The number of rows that a statement must change, or a function that is called with the number. Not set: any number. */
export type ChangedRows = number | ((written: number) => void);

/** One or more names that are written into the text, quoted and separated by commas. */
export class Identifier {
  readonly text: string;
  constructor(names: string | readonly string[]) {
    this.text = (typeof names === 'string' ? [names] : names).map(quoteIdentifier).join(', ');
  }
}

/**
 * One statement, as a promise of its rows. It is sent when it is first awaited (or by `execute`). So a statement in the
 * template of another one is never sent by itself: it becomes a part of that one.
 */
export class Statement<T extends readonly unknown[] = Record<string, unknown>[]> extends Promise<T> {
  /** `then` returns an ordinary promise. */
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

  /** Sends the statement. */
  override then<A = T, B = never>(
    onResolved?: ((rows: T) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    void this.execute();
    return super.then(onResolved, onRejected);
  }

  /** Sends the statement now, without waiting for the answer. Idempotent. */
  execute(): this {
    if (this.#sent) return this;
    this.#sent = true;
    this.#send().then(
      (rows) => this.#settle.resolve(rows as T),
      (error: unknown) => this.#settle.reject(error),
    );
    // A caller that awaits the statement gets its error. Without such a caller the error must not end the process.
    super.then(undefined, () => undefined);
    return this;
  }

  /** The rows as arrays of column values. */
  values(): Statement<readonly (readonly unknown[])[]> {
    return new Statement(this.#run, this.parts, this.holes, this.#prepare, true);
  }

  /** The text and the values that it sends. @throws TypeError for an invalid name */
  rendered(): Rendered {
    return render(this);
  }

  /** Async, so that an error of the template rejects the promise like any other error. */
  async #send(): Promise<readonly unknown[]> {
    return await this.#run(render(this), { prepare: this.#prepare, arrays: this.#arrays });
  }
}

/** Joins the parts of a template: nested statements become text, names are quoted, every other value is a parameter. */
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
