// Saves what this page's origin keeps in the browser, as files: localStorage as {key: text}, and each IndexedDB
// database in the format of dexie-export-import. It only reads. Records are read by primary key, in one read-only
// transaction per database, so that no index hides one and no write falls between two stores.
(async () => {
  const escapeName = (name) => name.replaceAll("~", "~0").replaceAll(".", "~1");
  const base64 = (bytes) => {
    let text = "";
    for (let at = 0; at < bytes.length; at += 0x6000)
      text += String.fromCharCode(...bytes.subarray(at, at + 0x6000));
    return btoa(text);
  };
  const kindOf = (value) => Object.prototype.toString.call(value).slice(8, -1);
  const lost = [];

  // A value as JSON, with `types` told where JSON has no word. Blobs were read beforehand: see `bytesOf`.
  const encode = (value, path, types, bytesOf, seen) => {
    const mark = (type, plain) => {
      types[path] = type;
      return plain;
    };
    const inner = (name, child) =>
      encode(
        child,
        path === "" ? escapeName(name) : `${path}.${escapeName(name)}`,
        types,
        bytesOf,
        seen,
      );
    if (value === undefined) return mark("undef", 0);
    if (typeof value === "bigint") return mark("bigint", String(value));
    if (typeof value === "number") {
      if (Number.isNaN(value)) return mark("nan", "NaN");
      if (value === Infinity) return mark("infinity", "Infinity");
      return value === -Infinity ? mark("negativeInfinity", "-Infinity") : value;
    }
    if (typeof value !== "object" || value === null) return value;
    // The same object in a second place, or inside itself.
    if (seen.has(value)) return mark("#", `#${seen.get(value)}`);
    seen.set(value, path);
    const kind = kindOf(value);
    const list = (entries) => entries.map((entry, index) => inner(String(index), entry));
    if (Array.isArray(value)) {
      return Array.from(value, (entry, index) => {
        if (Object.hasOwn(value, index)) return inner(String(index), entry);
        types[path === "" ? String(index) : `${path}.${index}`] = "sparseUndefined";
        return 0;
      });
    }
    if (kind === "Number" || kind === "String" || kind === "Boolean") {
      return mark(`${kind}Object`, value.valueOf());
    }
    if (kind === "BigInt") return mark("bigintObject", String(value));
    if (kind === "Date")
      return mark("date", Number.isNaN(value.getTime()) ? "NaN" : value.getTime());
    if (kind === "RegExp") return mark("regexp", { source: value.source, flags: value.flags });
    if (kind === "Map") return mark("map", list([...value].map((pair) => pair)));
    if (kind === "Set") return mark("set", list([...value]));
    if (kind === "ArrayBuffer") return mark("arraybuffer", base64(new Uint8Array(value)));
    if (ArrayBuffer.isView(value)) {
      const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice();
      if (kind === "DataView")
        return mark("dataview", {
          encoded: base64(bytes),
          byteOffset: 0,
          byteLength: bytes.length,
        });
      types[path === "" ? "buffer" : `${path}.buffer`] = "arraybuffer";
      return mark(`${kind.toLowerCase()}2`, {
        buffer: base64(bytes),
        byteOffset: 0,
        length: value.length,
      });
    }
    if (kind === "File") {
      let stringContents = "";
      for (const byte of bytesOf.get(value)) stringContents += String.fromCharCode(byte);
      return mark("file", {
        type: value.type,
        stringContents,
        name: value.name,
        lastModified: value.lastModified,
      });
    }
    if (kind === "Blob")
      return mark("blob2", { type: value.type, data: base64(bytesOf.get(value)) });
    if (kind === "Object") {
      const plain = {};
      for (const name of Object.keys(value)) {
        Object.defineProperty(plain, name, {
          value: inner(name, value[name]),
          enumerable: true,
          configurable: true,
          writable: true,
        });
      }
      return plain;
    }
    lost.push(kind);
    return mark("undef", 0);
  };

  const findBlobs = (value, found, seen = new Set()) => {
    if (typeof value !== "object" || value === null || seen.has(value)) return;
    seen.add(value);
    if (value instanceof Blob) found.push(value);
    else if (value instanceof Map)
      for (const pair of value) for (const part of pair) findBlobs(part, found, seen);
    else if (value instanceof Set || Array.isArray(value))
      for (const part of value) findBlobs(part, found, seen);
    else if (kindOf(value) === "Object")
      for (const part of Object.values(value)) findBlobs(part, found, seen);
  };

  const encodeRow = async (row) => {
    const blobs = [];
    findBlobs(row, blobs);
    const bytesOf = new Map();
    for (const blob of blobs) bytesOf.set(blob, new Uint8Array(await blob.arrayBuffer()));
    const types = {};
    const plain = encode(row, "", types, bytesOf, new Map());
    if (
      Object.keys(types).length === 0 &&
      !(kindOf(plain) === "Object" && Object.hasOwn(plain, "$types"))
    )
      return plain;
    if (Object.keys(types).length === 0) return { $: plain, $types: true };
    if (kindOf(plain) === "Object" && types[""] === undefined && !Object.hasOwn(plain, "$types"))
      return { ...plain, $types: types };
    return { $: plain, $types: { $: types } };
  };

  const done = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });

  const schemaOf = (store) => {
    const path = Array.isArray(store.keyPath)
      ? `[${store.keyPath.join("+")}]`
      : (store.keyPath ?? "");
    const indexes = [...store.indexNames].map((name) => {
      const index = store.index(name);
      const indexPath = Array.isArray(index.keyPath)
        ? `[${index.keyPath.join("+")}]`
        : index.keyPath;
      return `${index.unique ? "&" : ""}${index.multiEntry ? "*" : ""}${indexPath}`;
    });
    return [`${store.autoIncrement ? "++" : ""}${path}`, ...indexes].join(",");
  };

  const dumpDatabase = async (name) => {
    const database = await done(indexedDB.open(name));
    const names = [...database.objectStoreNames];
    const tables = [];
    const data = [];
    if (names.length > 0) {
      const transaction = database.transaction(names, "readonly");
      const reads = names.map((storeName) => {
        const store = transaction.objectStore(storeName);
        return {
          storeName,
          inbound: store.keyPath !== null,
          schema: schemaOf(store),
          keys: done(store.getAllKeys()),
          values: done(store.getAll()),
        };
      });
      for (const { storeName, inbound, schema, keys, values } of reads) {
        const allKeys = await keys;
        const allValues = await values;
        tables.push({ name: storeName, schema, rowCount: allValues.length });
        const rows = [];
        for (const [index, value] of allValues.entries())
          rows.push(await encodeRow(inbound ? value : [allKeys[index], value]));
        data.push({ tableName: storeName, inbound, rows });
      }
    }
    // Dexie multiplies its version numbers by ten for the browser.
    const databaseVersion = database.version / 10;
    database.close();
    return {
      formatName: "dexie",
      formatVersion: 1,
      data: { databaseName: name, databaseVersion, tables, data },
    };
  };

  const save = (name, value) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(
      new Blob([JSON.stringify(value)], { type: "application/json" }),
    );
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };

  const entries = {};
  for (let index = 0; index < localStorage.length; index++) {
    const key = localStorage.key(index);
    Object.defineProperty(entries, key, {
      value: localStorage.getItem(key),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  if (Object.keys(entries).length > 0) save("localstorage.json", entries);
  for (const { name } of await indexedDB.databases())
    save(`${name}.dexie.json`, await dumpDatabase(name));
  if (lost.length > 0)
    console.warn(
      `These kinds of values have no form in a file and were left out: ${[...new Set(lost)].join(", ")}`,
    );
})();
