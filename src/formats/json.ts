/** JSON files: lowdb and json-server databases, arrays, keyed objects, whatever else. See json-shape.ts. */
import { decodeRawJson } from "./decode-record.ts";
import type { Format } from "./format.ts";
import { readJson } from "./json-read.ts";
import { surveyJson } from "./json-survey.ts";
import { writeJson } from "./json-write.ts";

export const json: Format = {
  name: "json",
  survey: surveyJson,
  read: readJson,
  decodeRaw: (raw, _survey, _collection, place) => decodeRawJson(raw, place),
  write: (survey, _name, collections, sink) => writeJson(survey, collections, sink),
};
