/** Small numbers for responses' ids, the same as long as the project is open. */
export class ResponseNumbers {
  readonly #numbers = new Map<string, number>();
  readonly #ids: string[] = [];

  get count(): number {
    return this.#ids.length;
  }

  number(id: string): number {
    const known = this.#numbers.get(id);
    if (known !== undefined) return known;
    this.#numbers.set(id, this.#ids.length);
    return this.#ids.push(id) - 1;
  }

  id(number: number): string {
    return this.#ids[number];
  }
}
