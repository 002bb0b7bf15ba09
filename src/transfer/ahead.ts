/** Reads one batch ahead, so that the source is parsed while the target commits. */
export async function* ahead<T>(batches: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = batches[Symbol.asyncIterator]();
  try {
    let next = iterator.next();
    for (;;) {
      const { done, value } = await next;
      if (done) return;
      next = iterator.next();
      next.catch(() => {}); // the next await reports it
      yield value;
    }
  } finally {
    await iterator.return?.();
  }
}
