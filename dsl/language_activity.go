package dsl

// activitySpec is an activity of a job: an occurrence.
func activitySpec() *blockSpec {
	return &blockSpec{
		Name: "activity", Label: nameLabel, Many: true,
		Doc: "One step, in a container of its own. It has exactly one of `script`, `command` and `use`.",
		Args: append([]argSpec{
			{Name: "use", Type: typeUse, Doc: "A definition: `def.name` of these files, or `lib.library.name`. It brings image, script and outputs along."},
			{Name: "with", Type: typeObject, Phase: agent, Secrets: true, Doc: "The inputs of the definition. Secrets go into sensitive ones only."},
			{Name: "when", Type: typeBool, Phase: agent, Default: "true", Doc: "Whether it runs. If not, it is skipped, and the job goes on: one that has nothing to do passes."},
			runOn("How the earlier activities must have ended: `\"failed\"` means that at least one failed."),
			{Name: "allow_failure", Type: typeBool, Phase: compile, Default: "false", Doc: "Whether the job goes on, with a warning, if it fails."},
		}, workSpecs()...),
		Blocks:  []*blockSpec{activityOutputSpec(), reportSpec()},
		Foreign: foreignOfActivity(),
	}
}

// definitionSpec is an activity at the top level, for any number of occurrences.
func definitionSpec() *blockSpec {
	return &blockSpec{
		Name: "activity", Label: nameLabel, Many: true,
		Doc:  "A definition: an activity for use in any job, as `def.name`. Its expressions see `input.*` and `run.*` only.",
		Args: workSpecs(),
		Blocks: []*blockSpec{
			{Name: "input", Label: nameLabel, Many: true, Doc: "A value that `with` gives, for use as `input.name`.", Args: []argSpec{
				{Name: "type", Type: typeKeyword, Required: true, Doc: "`string`, `number`, `bool`, `list(...)`, `map(...)`, `set(...)` or " +
					"`object({ a = string, b = optional(number, 1) })`."},
				{Name: "default", Type: typeAny, Doc: "Without it, `with` must give a value."},
				description(),
				{Name: "sensitive", Type: typeBool, Default: "false", Doc: "Secrets may flow into it, and its value is treated as one."},
			}, Blocks: []*blockSpec{checkSpec("input.x")}},
			activityOutputSpec(), reportSpec(),
		},
		Foreign: foreignOfActivity(),
	}
}

// workSpecs are the arguments that say what to do.
func workSpecs() []argSpec {
	return []argSpec{
		description(),
		{Name: "image", Type: typeString, Phase: agent, Default: "the job's", Doc: "The container's image."},
		{Name: "script", Type: typeScript, Doc: "Passed to the shell as it stands: nothing is filled in. Or `file(\"path\")`."},
		{Name: "command", Type: typeStrings, Phase: agent, Doc: "Program and arguments, without a shell."},
		{Name: "shell", Type: typeWord, Words: []string{"sh", "bash", "none"}, Default: `"sh"`, Doc: "Who reads the script: `\"sh\"` (`sh -eu`), `\"bash\"` " +
			"(`bash -euo pipefail`) or `\"none\"` (the script's own `#!` line)."},
		{Name: "env", Type: typeEnv, Phase: agent, Secrets: true, Doc: "Environment variables. Numbers and bools become text."},
		{Name: "timeout", Type: typeDuration, Phase: compile, Default: "1h", Doc: "For each try."},
		{Name: "retries", Type: typeRetries, Phase: compile, Default: "0", Doc: "How often it is tried again: `2`, or by cause: `{ timeout = 1, lost = 2 }`. " +
			"Causes are `exit`, `timeout`, `oom`, `image`, `output` and `lost`."},
		{Name: "side_effects", Type: typeBool, Phase: compile, Default: "false", Doc: "Whether it changes something that is not in its container, as a deployment " +
			"does. It is then never begun again after it was lost, and neither is its job."},
		{Name: "workdir", Type: typeString, Phase: compile, Default: "the workspace", Doc: "Where it starts, relative to the workspace."},
		{Name: "user", Type: typeString, Phase: compile, Default: "the image's", Doc: "Name or number, and maybe a group: `\"1000:1000\"`."},
	}
}

func activityOutputSpec() *blockSpec {
	return &blockSpec{
		Name: "output", Label: nameLabel, Many: true,
		Doc: "A value that the script writes to the file `$TUTTI_OUTPUT/name`: a string as it is, all else as JSON. Later activities read " +
			"`activity.a.outputs.name`.",
		Args: []argSpec{
			{Name: "type", Type: typeKeyword, Required: true, Doc: "Such as `string` or `list(number)`."},
			{Name: "sensitive", Type: typeBool, Default: "false", Doc: "Treat it as a secret wherever it goes."},
		},
		Foreign: map[string]string{"value": `The script writes the value to the file $TUTTI_OUTPUT/name; "value" belongs to the outputs of a job.`},
	}
}

func reportSpec() *blockSpec {
	return &blockSpec{
		Name: "report", Label: eventLabel, Event: "junit", Doc: "Test results that the activity writes, in the form of JUnit.", NotRun: "nothing reads it",
		Args: []argSpec{{Name: "path", Type: typeString, Phase: compile, Required: true, Doc: "A glob, relative to the workspace."}},
	}
}

func foreignOfActivity() map[string]string {
	return map[string]string{
		"run":               `Here it is "script".`,
		"uses":              `Here it is "use", and takes a reference: use = lib.acme.go_test.`,
		"entrypoint":        `Here it is "command".`,
		"args":              `Here it is "command", with the program first.`,
		"environment":       `Here it is "env".`,
		"if":                `Here it is "when", a bool.`,
		"needs":             `Activities of a job run in the order in which they are written; "needs" belongs to jobs.`,
		"depends_on":        `Activities of a job run in the order in which they are written; "needs" belongs to jobs.`,
		"retry":             `Here it is "retries".`,
		"continue_on_error": `Here it is "allow_failure".`,
		"working_directory": `Here it is "workdir".`,
		"cache":             `A cache stands in the job, for all of its activities.`,
		"artifact":          `An artifact stands in the job, and is kept when that ends.`,
		"name":              `The name is the label of the block; text for people goes into "description".`,
	}
}
