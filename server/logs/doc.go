// Package logs keeps the logs of activities: append-only files that are read by range and followed live.
//
// It owns a folder and all that lies in it. The gateway appends, syncs and finishes; the API reads, searches and
// follows. It never decides whether a log is wanted, whose it is, or what an activity came to; and it never changes a
// byte that it was given. Logs never go through SQL.
//
// # On disk
//
// Each log has a folder <run>/<job>/<epoch>-<activity>/ with
//
//	log     the raw bytes
//	frames  one 16-byte record for each commit: end of the log by then (u64), CRC-32C of the bytes since the record
//	        before (u32), CRC-32C of these 12 bytes (u32); little-endian, as all numbers here
//	marks   16-byte records: end of a stretch of the log (u64); microseconds from the activity's start to its arrival,
//	        shifted left by one, plus 1 for the standard error (i64)
//	lines   the offset of line 512, 1024, … counted from 0 (u64 each)
//	final   JSON, once nothing will be added: length, SHA-256, number of lines, and what is missing, if anything
//
// A byte may be read as soon as it was appended. It is durable, and may be acknowledged, once Sync has answered; its mark is
// durable once the log is finished. Whatever
// lies behind the last good frame when a log is opened again was never acknowledged: it is cut off, and the agent
// sends it once more.
//
// # Memory
//
// A log that grows costs a few hundred bytes and, up to a bound, four open files. A finished log costs nothing.
package logs
