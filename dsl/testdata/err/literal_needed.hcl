locals { name = "x" }
pipeline "ci" {
  description = "for ${event.branch}"
  on "push" { branches = [local.name, repo.default_branch] }
  job "a" {
    description = local.name
    activity "x" {
      image  = "alpine:3.20"
      script = "true"
      shell  = local.name
    }
  }
}
