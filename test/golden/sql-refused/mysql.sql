CREATE ROLE IF NOT EXISTS `pr_ata.too-much_6dafb59ec76521cb`; -- DataRole/data/too-much (policy.yaml:25)
GRANT `pr_ata.too-much_6dafb59ec76521cb` TO 'postern_owner'@'localhost' WITH ADMIN OPTION; -- DataRole/data/too-much (policy.yaml:25)
GRANT SELECT ON `shop`.* TO `pr_ata.too-much_6dafb59ec76521cb`; -- DataRole/data/too-much (policy.yaml:30)
-- refused at line 30: The action event is not given to leases: what it creates would outlive its owner. Create views, routines, triggers and events in a deployment by an account of their own.
-- refused at line 30: The action routine is not given to leases: what it creates would outlive its owner. Create views, routines, triggers and events in a deployment by an account of their own.
-- refused at line 30: The action trigger is not given to leases: what it creates would outlive its owner. Create views, routines, triggers and events in a deployment by an account of their own.
-- refused at line 30: The action view is not given to leases: what it creates would outlive its owner. Create views, routines, triggers and events in a deployment by an account of their own.
