//! What the audit's events are called on pages and in exports.

/// Every event and its title.
const TITLES: &[(&str, &str)] = &[
    ("account.erase", "注销账号"),
    ("account.export", "导出个人数据"),
    ("account.keep", "注销未执行"),
    ("account.requestErasure", "申请注销"),
    ("account.withdrawErasure", "撤回注销申请"),
    ("administrator.confirm", "确认省级账号变更"),
    ("administrator.decline", "拒绝省级账号变更"),
    ("administrator.propose", "提出省级账号变更"),
    ("administrator.withdraw", "撤回省级账号变更"),
    ("blacklist.add", "列入黑名单"),
    ("blacklist.remove", "移出黑名单"),
    ("calendar.set_window", "设置日历时间"),
    ("correction.reveal", "查看纠错中的完整信息"),
    ("dictionary.publish", "发布代码表变更"),
    ("employer.freeze", "暂停单位"),
    ("employer.unfreeze", "恢复单位"),
    ("factor.clear", "清除动态验证码"),
    ("factor.code", "通过动态验证码"),
    ("factor.confirm", "绑定动态验证码"),
    ("factor.propose", "申请绑定动态验证码"),
    ("factor.recovery", "使用恢复码"),
    ("factor.refuse", "动态验证码错误"),
    ("factor.remove", "解除动态验证码"),
    ("help.close", "关闭求助"),
    ("help.create", "提交求助"),
    ("help.read", "查看求助"),
    ("help.resolve", "答复求助"),
    ("login.disabled", "停用账号尝试登录"),
    ("login.lock", "登录锁定"),
    ("login.refuse", "登录失败"),
    ("login.unlock", "解除登录锁定"),
    ("member.approve", "批准成员加入"),
    ("member.invite", "邀请成员"),
    ("member.join", "申请加入单位"),
    ("member.reissue", "重新发放邀请"),
    ("member.reject", "拒绝成员加入"),
    ("member.remove", "移除成员"),
    ("member.reset", "重置成员账号"),
    ("member.update", "更改成员角色"),
    ("operations.drop", "放弃消息"),
    ("operations.replay", "重新投递消息"),
    ("password.change", "修改密码"),
    ("password.issue_reset", "发放重置码"),
    ("password.issue_reset_of_factor", "发放重置码并清除动态验证码"),
    ("password.refuse", "修改密码失败"),
    ("password.refuse_reset", "重置码无效"),
    ("password.reset", "重置密码"),
    ("privacy.update", "更改隐私设置"),
    ("profile.update", "更改个人信息"),
    ("registration.complete", "完成注册"),
    ("registration.find_number", "查找学号"),
    ("registration.verify", "注册核验"),
    ("school.close", "停用学校"),
    ("school.create", "新增学校"),
    ("school.reopen", "恢复学校"),
    ("school.update", "更改学校信息"),
    ("session.end", "退出登录"),
    ("session.open", "登录"),
    ("session.reuse", "登录凭证被重复使用"),
    ("session.step_up", "再次确认身份"),
    ("staff.activate", "激活账号"),
    ("staff.create", "创建账号"),
    ("staff.disable", "停用账号"),
    ("staff.enable", "启用账号"),
    ("staff.move", "更改账号权限"),
    ("staff.rename", "更改账号姓名"),
    ("staff.reset", "重置账号"),
    ("student.reveal", "查看学生的完整信息"),
];

/// The title of an event; the event itself when it has none.
pub(crate) fn title(event: &str) -> &str {
    let found = TITLES.iter().find(|(name, _)| *name == event);
    found.map_or(event, |(_, title)| title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_sorted_and_each_event_has_one() {
        assert!(TITLES.is_sorted_by(|(one, _), (two, _)| one < two));
        assert_eq!(title("session.open"), "登录");
        assert_eq!(title("unheard.of"), "unheard.of");
    }
}
