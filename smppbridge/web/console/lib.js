// lib: everything that a screen is made of, from one place.
export {html, useEffect, useMemo, useRef, useState} from "./vendor/preact/standalone.mjs";
export {Answered, reasonOf} from "./answered.js";
export {api, del, get, may, post, query, session, useApi, visible} from "./api.js";
export {Chart, Spark} from "./chart.js";
export * from "./format.js";
export {Icon} from "./icons.js";
export {overview, retry, serverNow, stream, useOverview, useStale} from "./live.js";
export * from "./parts.js";
export {go, link, match, replace, route} from "./router.js";
export {store, useStore} from "./store.js";
export {Pager, Table, usePages} from "./table.js";
export {LaneBadge, laneWord, MessageBadge, messageWord, SessionsBadge, sessionsWord, STATES, target} from "./state_words.js";
