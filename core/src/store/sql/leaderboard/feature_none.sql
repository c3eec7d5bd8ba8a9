-- Has no benchmark read where none is named.
DELETE FROM featured_benchmark WHERE place = 1
