# Only the script of an activity is raw: a local may be called so.
locals { script = "value of ${repo.name}" }
pipeline "ci" {
  on "push" {}
  job "script" {
    image = "alpine:3.20"
    activity "script" {
      script = "echo ${script}"
      env    = { script = local.script }
    }
  }
}
