tutti { language = 1 }
locals {
  short   = substr(event.commit, 0, 8)
  names   = [for n in ["a", "b", "c"] : upper(n) if n != "b"]
  release = event.branch == "main"
  ages    = { for i, n in local.names : lower(n) => i }
}
locals { image = "golang:${local.version}" }
locals { version = local.release ? "1.26" : "1.25" }
pipeline "ci" {
  on "push" { branches = ["**"] }
  job "a" {
    image = local.image
    activity "x" {
      command = concat(["echo"], local.names, ["${run.id}"])
      env = {
        SHORT   = local.short
        AGES    = jsonencode(local.ages)
        RELEASE = local.release
        SUM     = sum([for i in range(10) : i * 2])
        LIST    = "%{for n in local.names}[${n}]%{endfor}"
        GLOB    = matches("feature/**", "feature/a/b")
        WHO     = "${event.actor} on ${repo.name} (${repo.url}): ${event.message}"
        KIND    = event.kind
        SPLAT   = join(",", [{ a = "x" }, { a = "y" }][*].a)
        HASH    = sha256("x")
        MISC    = "${startswith("ab", "a")} ${endswith("ab", "a")} ${length("é̂")} ${base64encode("x")} ${urlencode("a b/c")} ${anytrue([false, true])} ${alltrue([])} ${one(["z"])} ${format("%03d|%s", 7, "q")} ${abs(-3)} ${max(1, 5, 3)}"
        TEXT    = <<-EOT
          two
            lines of ${repo.name}
        EOT
      }
    }
  }
}
