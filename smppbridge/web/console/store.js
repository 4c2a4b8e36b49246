// store: a value that many parts of the page look at; `set` has them drawn again.
import {useEffect, useState} from "./vendor/preact/standalone.mjs";

export function store(value) {
  const watchers = new Set();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const watcher of [...watchers]) watcher(value);
    },
    watch(watcher) {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
  };
}

export function useStore(of) {
  const [value, set] = useState(of.get());
  useEffect(() => {
    set(() => of.get());
    return of.watch(next => set(() => next));
  }, [of]);
  return value;
}
