package dsl

// The static limits of language 1. They are far above what pipelines need, and low enough that whoever can push a branch
// cannot hurt the server. Each has a message of its own.
const (
	maxFiles        = 64
	maxFileBytes    = 256 << 10
	maxAllBytes     = 1 << 20
	maxNesting      = 50
	maxOperators    = 500 // of one statement
	maxDigits       = 30
	maxExponent     = 99
	maxHeredocBytes = 16 << 10  // outside scripts
	maxJoins        = 16 << 20  // of one file: the squares of the numbers of pieces that its texts consist of
	maxScriptBytes  = 128 << 10 // Linux takes no longer argument or variable, and the same holds for a script
	maxStringBytes  = 64 << 10
	maxElements     = 10_000 // of a collection, those of its elements included
	maxSteps        = 1_000_000
	maxJobs         = 500
	maxInstances    = 5000 // of all jobs of a run
	maxCombinations = 256  // of a matrix
	maxActivities   = 200
	maxInputs       = 100 // of a pipeline or a definition; the same holds for outputs
	maxVariables    = 200 // and secrets
	maxParts        = 50  // services, caches or artifacts of a job
	maxDepth        = 1_000_000
	maxJobBytes     = 384 << 10 // of a job's plan, as JSON: it has to fit into one message to an agent
	maxPlanBytes    = 32 << 20
	maxLocals       = 1000
	maxNameLength   = 40
	maxGlobLength   = 1000
)
